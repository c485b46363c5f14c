{#- A component of the unit vector of a position in degrees. -#}
{%- macro unit_vector(axis, ra, dec) -%}
{%- if axis == 'x' -%}cos(radians({{ dec }})) * cos(radians({{ ra }}))
{%- elif axis == 'y' -%}cos(radians({{ dec }})) * sin(radians({{ ra }}))
{%- else -%}sin(radians({{ dec }}))
{%- endif -%}
{%- endmacro -%}
