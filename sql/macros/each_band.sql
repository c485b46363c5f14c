{#- One template for every filter: {band} in the text is replaced by each filter in turn. -#}
{%- macro each_band(template, separator=', ') -%}
{%- set parts = [] -%}
{%- for band in bands() -%}{%- do parts.append(template | replace('{band}', band)) -%}{%- endfor -%}
{{ return(parts | join(separator)) }}
{%- endmacro -%}
