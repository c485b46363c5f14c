{#- Numbers of the versions that this build makes, as `galaxiesml build` has written them to plan.versions. -#}
{%- macro built_versions() -%}
{%- set plan = source('plan', 'versions') -%}
{%- set numbers = [] -%}
{%- if execute -%}
    {%- for row in run_query('select number from ' ~ plan ~ ' where built order by number').rows -%}
        {%- do numbers.append(row[0] | int) -%}
    {%- endfor -%}
{%- else -%}
    {%- for version in versions() -%}{%- do numbers.append(version.number) -%}{%- endfor -%}
{%- endif -%}
{{ return(numbers) }}
{%- endmacro -%}
