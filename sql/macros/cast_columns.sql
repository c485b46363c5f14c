{#- Every landed column of one kind, cast: staging's whole work.  A float32 becomes a double here, exactly. -#}
{%- macro cast_columns(of) -%}
{%- for column in landed_columns(of) %}
        cast({{ column.name }} as {{ column.type }}) as {{ column.name }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro -%}
