{#- Every version of galaxies, in order: the published ones, or those of the catalogue. -#}
{%- macro versions() -%}
{{ return(var('rules').get('versions') or published_versions()) }}
{%- endmacro -%}
