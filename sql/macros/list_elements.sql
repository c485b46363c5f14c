{#- Two columns from a column of lists: the place of each element, from 0, and the element; one row for each, none for an
    empty list or NULL. -#}
{%- macro list_elements(column, place, value) -%}
{{ return(adapter.dispatch('list_elements', 'galaxiesml')(column, place, value)) }}
{%- endmacro -%}

{%- macro default__list_elements(column, place, value) -%}
generate_subscripts({{ column }}, 1) - 1 as {{ place }},
        unnest({{ column }}) as {{ value }}
{%- endmacro -%}

{%- macro spark__list_elements(column, place, value) -%}
posexplode({{ column }}) as ({{ place }}, {{ value }})
{%- endmacro -%}
