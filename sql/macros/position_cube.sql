{#- The cube, 10 arcsec on a side, that a position lies in, as one number. -#}
{%- macro position_cube(ra, dec) -%}
{{ cube_key(cube(unit_vector('x', ra, dec)), cube(unit_vector('y', ra, dec)), cube(unit_vector('z', ra, dec))) }}
{%- endmacro -%}
