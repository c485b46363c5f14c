{#- Cast every column of a list of the dictionary under its own name, which is all that staging does. -#}
{%- macro cast_family(name) -%}
{%- for landed, type, column in family(name) %}
        cast({{ landed }} as {{ sql_type(type) }}) as {{ column }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro -%}
