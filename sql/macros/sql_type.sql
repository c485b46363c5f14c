{#- A type of the dictionary's as the engine writes it: lists are integer[] in DuckDB and array<integer> in Spark. -#}
{%- macro sql_type(type) -%}
{{ return(adapter.dispatch('sql_type', 'galaxiesml')(type)) }}
{%- endmacro -%}

{%- macro default__sql_type(type) -%}
{{ return(type) }}
{%- endmacro -%}

{%- macro spark__sql_type(type) -%}
{{ return('array<' ~ type[:-2] ~ '>' if type.endswith('[]') else type) }}
{%- endmacro -%}
