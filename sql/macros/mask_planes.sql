{#- Planes of the survey's masks, by bit from 0, in lower case; none where the release profile names none. -#}
{%- macro mask_planes() -%}
{{ return(var('mask_planes')) }}
{%- endmacro -%}
