{#- Columns of a pair that the window cuts read, filters expanded; columns that are always needed come first. -#}
{%- macro window_columns() -%}
{%- set names = ['object_id', 'specz_name'] -%}
{%- for cut in cuts() if 'window' in cut -%}
    {%- for column in cut.needs + cut.get('reads', []) -%}
        {%- for band in (bands() if '{band}' in column else ['']) -%}
            {%- set name = column | replace('{band}', band) -%}
            {%- if name not in names -%}{%- do names.append(name) -%}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endfor -%}
{{ return(names) }}
{%- endmacro -%}
