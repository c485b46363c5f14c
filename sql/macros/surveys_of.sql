{#- The surveys of a spectrum as a list; specz_surveys has them joined by commas. -#}
{%- macro surveys_of(specz_surveys) -%}
split({{ specz_surveys }}, ',')
{%- endmacro -%}
