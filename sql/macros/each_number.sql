{#- Whole numbers from low up to, and without, high: one row each. -#}
{%- macro each_number(low, high) -%}
unnest(range({{ low }}, {{ high }}))
{%- endmacro -%}
