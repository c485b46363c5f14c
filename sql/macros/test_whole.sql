{#- Counts the NULLs of each column that has none, and the repeated values of the key: a row where there are any.
    One test a model, where dbt's own not_null and unique are one a column: a test costs dbt more than its query. -#}
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
