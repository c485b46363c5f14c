{#- One number for a cell: 1440 (the most cells that a band has) times its band, plus its column, wrapped at RA 0. -#}
{%- macro split_cell(band, column, cells) -%}
{{ band }} * 1440 + mod(mod({{ column }}, {{ cells }}) + {{ cells }}, {{ cells }})
{%- endmacro -%}
