{#- Columns that an export may have, with filters expanded: of = 'object' or 'spectrum'. -#}
{%- macro landed_columns(of) -%}
{%- set columns = [] -%}
{%- for name, type, _ in family(of) -%}
    {%- for band in (bands() if '{band}' in name else ['']) -%}
        {%- do columns.append({'name': name | replace('{band}', band), 'type': type}) -%}
    {%- endfor -%}
{%- endfor -%}
{{ return(columns) }}
{%- endmacro -%}
