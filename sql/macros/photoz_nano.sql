{#- A number in whole billionths. -#}
{%- macro photoz_nano(value) -%}
{{ whole(value, '1e9') }}
{%- endmacro -%}
