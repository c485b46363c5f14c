{#- Planes whose pixels do not show the sky as it was, in lower case; none where the release profile names none. -#}
{%- macro defect_planes() -%}
{{ return(var('defect_planes')) }}
{%- endmacro -%}
