{#- A component of the unit vector of a position in degrees. -#}
{%- macro unit_vector(axis, ra, dec) -%}
{%- if axis == 'x' -%}cos(radians({{ dec }})) * cos(radians({{ ra }}))
{%- elif axis == 'y' -%}cos(radians({{ dec }})) * sin(radians({{ ra }}))
{%- else -%}sin(radians({{ dec }}))
{%- endif -%}
{%- endmacro -%}

{#- The number of the cube, 10 arcsec on a side, that a coordinate of a unit vector lies in: equal numbers on three
    axes bring near positions together, at the poles and at RA 0 as anywhere else. -#}
{%- macro cube(coordinate) -%}
cast(floor(({{ coordinate }}) * 20626.4806) as bigint)
{%- endmacro -%}
