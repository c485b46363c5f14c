{#- The cuts of one version in the order of application: row cuts, then window cuts; `without` leaves some out. -#}
{%- macro version_cuts(version, without=[]) -%}
{%- set chosen = {'rows': [], 'windows': [], 'all': []} -%}
{%- for cut in cuts() if version in cut.versions and cut.name not in without -%}
    {%- do chosen['windows' if 'window' in cut else 'rows'].append(cut) -%}
    {%- do chosen['all'].append(cut) -%}
{%- endfor -%}
{{ return(chosen) }}
{%- endmacro -%}
