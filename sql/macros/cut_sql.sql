{#- A cut's condition as the engine reads it.  Spark divides by zero to NULL; Sail compares a double with 0.5 as decimals
    of its digits, so that the double below 0.5 equals it, and with 0.5e0 as doubles. -#}
{%- macro cut_sql(cut) -%}
{{ return(adapter.dispatch('cut_sql', 'galaxiesml')(cut)) }}
{%- endmacro -%}

{%- macro default__cut_sql(cut) -%}
{{ return(cut.sql) }}
{%- endmacro -%}

{%- macro spark__cut_sql(cut) -%}
{{ return(cut.get('spark', cut.sql)) }}
{%- endmacro -%}
