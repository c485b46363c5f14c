{#- The filter whose magnitude bins predictions: i, or the release's last. -#}
{%- macro photoz_band() -%}
{{ return('i' if 'i' in bands() else bands() | last) }}
{%- endmacro -%}
