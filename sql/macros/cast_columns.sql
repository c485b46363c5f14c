{#- Cast every landed column of one kind, which is all that staging does.  A float32 becomes a double, exactly. -#}
{%- macro cast_columns(of) -%}
{%- for column in landed_columns(of) %}
        cast({{ column.name }} as {{ column.type }}) as {{ column.name }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro -%}
