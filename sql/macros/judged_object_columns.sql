{#- The columns of an object that its row cuts read, beside its identifier and position: name, type and, of a column
    outside the dictionary, the kinds of landed files that have it. -#}
{%- macro judged_object_columns() -%}
{%- set needed = [] -%}
{%- for cut in cuts() if 'sql' in cut and cut.scope == 'object' -%}
    {%- for column in cut.needs -%}
        {%- for band in (bands() if '{band}' in column else ['']) -%}
            {%- do needed.append(column | replace('{band}', band)) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endfor -%}
{%- set columns = [] -%}
{%- for column in landed_columns('object') + own_columns('object')
        if column.name in needed and column.name not in ['object_id', 'ra', 'dec'] -%}
    {%- do columns.append(column) -%}
{%- endfor -%}
{{ return(columns) }}
{%- endmacro -%}
