{#- The versions of galaxies.  A published version's rule never changes: a changed rule is a new version. -#}
{%- macro versions() -%}
{{ return([
    {'number': 1, 'title': 'the paper\'s text (Do et al. 2024, sections 3.1 and 3.2)'},
    {'number': 2, 'title': 'the authors\' release code (make_hsc_v6): the published rows'},
    {'number': 3, 'title': 'strict: what a referee would ask for'},
    {'number': 4, 'title': 'the authors\' earlier code (make_hsc_v5)'},
]) }}
{%- endmacro -%}
