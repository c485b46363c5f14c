{#- The published versions of galaxies.  A published version's rule never changes: a changed rule is a new version. -#}
{%- macro published_versions() -%}
{{ return([
    {'name': 'v1', 'title': 'the paper\'s text (Do et al. 2024, sections 3.1 and 3.2)'},
    {'name': 'v2', 'title': 'the authors\' release code (make_hsc_v6): the published rows'},
    {'name': 'v3', 'title': 'strict: what a referee would ask for'},
    {'name': 'v4', 'title': 'the authors\' earlier code (make_hsc_v5)'},
]) }}
{%- endmacro -%}
