{#- A text as SQL reads it: quotes doubled; where a backslash is special, both escaped by it.  Sail reads 'it''s' as
    its, and Spark fills in what looks like ${a variable}. -#}
{%- macro text_literal(text) -%}
{{ return(adapter.dispatch('text_literal', 'galaxiesml')(text)) }}
{%- endmacro -%}

{%- macro default__text_literal(text) -%}
'{{ text | string | replace("'", "''") }}'
{%- endmacro -%}

{%- macro spark__text_literal(text) -%}
'{{ text | string | replace('\\', '\\\\') | replace("'", "\\'") | replace('$', '\\u0024') }}'
{%- endmacro -%}
