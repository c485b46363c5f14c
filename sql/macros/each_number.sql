{#- Whole numbers from low up to, and without, high: one row each. -#}
{%- macro each_number(low, high) -%}
{{ return(adapter.dispatch('each_number', 'galaxiesml')(low, high)) }}
{%- endmacro -%}

{%- macro default__each_number(low, high) -%}
unnest(range({{ low }}, {{ high }}))
{%- endmacro -%}

{%- macro spark__each_number(low, high) -%}
explode(sequence(cast({{ low }} as bigint), cast({{ high - 1 }} as bigint)))
{%- endmacro -%}
