{#- Cast every landed column of one kind, or what the release profile makes it of.  A float32 becomes a double, exactly. -#}
{%- macro cast_columns(of) -%}
{%- for column in landed_columns(of) %}
        cast({{ landed_value(column.name) }} as {{ column.type }}) as {{ column.name }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro -%}
