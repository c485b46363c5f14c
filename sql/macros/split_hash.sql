{#- A number of 128 bits, as 32 hexadecimal digits, from the seed, the scheme and the key.
    md5 of a text is the same on every engine; digits of equal length compare as numbers do. -#}
{%- macro split_hash(scheme, key) -%}
md5(concat_ws('', '{{ var('split_seed') | int }}/{{ scheme }}/', cast({{ key }} as string)))
{%- endmacro -%}
