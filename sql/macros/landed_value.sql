{#- A column as it landed, or the profile's expression over the release's own columns: var('conversions') has its SQL,
    with {0}, {1} for the columns, which are quoted as the engine does it. -#}
{%- macro landed_value(name) -%}
{%- set conversion = var('conversions').get(name) -%}
{%- if not conversion -%}
{{ return(name) }}
{%- endif -%}
{%- set made = namespace(sql=conversion['sql']) -%}
{%- for column in conversion['columns'] -%}
    {%- set made.sql = made.sql | replace('{' ~ loop.index0 ~ '}', adapter.quote(column)) -%}
{%- endfor -%}
{{ return(made.sql) }}
{%- endmacro -%}
