{#- Names of the versions that this build makes, as `galaxiesml build` has written them to plan.versions. -#}
{%- macro built_versions() -%}
{%- set plan = source_now('plan', 'versions') -%}
{%- set names = [] -%}
{%- if execute -%}
    {%- for row in run_query('select version from ' ~ plan ~ ' where built order by place').rows -%}
        {%- do names.append(row[0]) -%}
    {%- endfor -%}
{%- else -%}
    {%- for version in versions() -%}{%- do names.append(version.name) -%}{%- endfor -%}
{%- endif -%}
{{ return(names) }}
{%- endmacro -%}
