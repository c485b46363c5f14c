{#- Column of a right ascension in its band, not yet wrapped: near RA 0 it may be below 0 or above the last. -#}
{%- macro split_cell_column(ra, cells) -%}
cast(floor({{ ra }} * {{ cells }} / 360) as bigint)
{%- endmacro -%}
