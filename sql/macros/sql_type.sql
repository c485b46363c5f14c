{#- The engine's name of a type of sql/columns.toml; lists alone differ. -#}
{%- macro sql_type(type) -%}
{{ return(adapter.dispatch('sql_type', 'galaxiesml')(type)) }}
{%- endmacro -%}

{%- macro default__sql_type(type) -%}
{{ return(type) }}
{%- endmacro -%}

{%- macro spark__sql_type(type) -%}
{{ return('array<' ~ type[:-2] ~ '>' if type.endswith('[]') else type) }}
{%- endmacro -%}
