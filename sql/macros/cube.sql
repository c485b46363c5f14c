{#- The number of the cube, 10 arcsec on a side, that a coordinate of a unit vector lies in.  Equal numbers on
    all three axes mean nearby positions, also at the poles and at RA 0. -#}
{%- macro cube(coordinate) -%}
cast(floor(({{ coordinate }}) * 20626.4806e0) as bigint)
{%- endmacro -%}
