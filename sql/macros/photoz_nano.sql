{#- A number in whole billionths: sums of whole numbers are the same in any order, on any engine. -#}
{%- macro photoz_nano(value) -%}
cast(round(1e9 * ({{ value }})) as bigint)
{%- endmacro -%}
