{#- The texts of a group in a stated order, which must end in a unique key, joined by a separator; NULLs are left out. -#}
{%- macro joined_text(value, separator, order_by) -%}
{{ return(adapter.dispatch('joined_text', 'galaxiesml')(value, separator, order_by)) }}
{%- endmacro -%}

{%- macro default__joined_text(value, separator, order_by) -%}
string_agg({{ value }}, {{ text_literal(separator) }} order by {{ order_by }})
{%- endmacro -%}

{%- macro spark__joined_text(value, separator, order_by) -%}
listagg({{ value }}, {{ text_literal(separator) }}) within group (order by {{ order_by }})
{%- endmacro -%}
