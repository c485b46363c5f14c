{#- Count the NULLs of columns that must have none, and repeated values of the key; returns a row if there are any.
    This is one test per model, while dbt's not_null and unique are one per column, each with a cost of its own. -#}
{%- test whole(model, present=[], key='') -%}
{%- set present = ([key] if key else []) + present -%}
with counts as (
    select
        {%- for column in present %}
        count(case when {{ column }} is null then 1 end) as null_{{ column }},
        {%- endfor %}
        {{ 'count(' ~ key ~ ') - count(distinct ' ~ key ~ ')' if key else 'cast(0 as bigint)' }} as repeated
    from {{ model }}
)

select * from counts
where repeated > 0{% for column in present %} or null_{{ column }} > 0{% endfor %}
{%- endtest -%}
