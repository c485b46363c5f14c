{#- Each element of a list in a row of its own, with list_positions. -#}
{%- macro list_values(column) -%}
unnest({{ column }})
{%- endmacro -%}
