{#- The number of the cube, 10 arcsec on a side, that a coordinate of a unit vector lies in.  Equal numbers on
    all three axes mean nearby positions, also at the poles and at RA 0.  NULL where the position is infinite or NaN. -#}
{%- macro cube(coordinate) -%}
cast(floor(case when abs({{ coordinate }}) < 2 then ({{ coordinate }}) * 20626.4806e0 end) as bigint)
{%- endmacro -%}
