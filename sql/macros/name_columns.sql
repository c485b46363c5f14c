{#- The names of columns, from one side of a join. -#}
{%- macro name_columns(of, side) -%}
{%- for column in landed_columns(of) %}
        {{ side }}.{{ column.name }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro -%}
