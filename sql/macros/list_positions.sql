{#- Of each element of a list its place, from 1: one row per element, with list_values. -#}
{%- macro list_positions(column) -%}
generate_subscripts({{ column }}, 1)
{%- endmacro -%}
