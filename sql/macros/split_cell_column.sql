{#- Place of a right ascension among the cells of its band, not yet wrapped: below 0 or above the last beside RA 0. -#}
{%- macro split_cell_column(ra, cells) -%}
cast(floor({{ ra }} * {{ cells }} / 360) as bigint)
{%- endmacro -%}
