{#- Every cut of every version: the published ones, or those of the catalogue, which `galaxiesml build` passes. -#}
{%- macro cuts() -%}
{{ return(var('rules').get('cuts') or published_cuts()) }}
{%- endmacro -%}
