{#- The number of the cube, 10 arcsec on a side, that a coordinate of a unit vector lies in: equal numbers on three
    axes bring near positions together, at the poles and at RA 0 as anywhere else. -#}
{%- macro cube(coordinate) -%}
cast(floor(({{ coordinate }}) * 20626.4806) as bigint)
{%- endmacro -%}
