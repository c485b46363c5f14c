{#- Every column of a list of the dictionary, cast, under its own name: staging's whole work. -#}
{%- macro cast_family(name) -%}
{%- for landed, type, column in family(name) %}
        cast({{ landed }} as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
{%- endfor %}
{%- endmacro -%}
