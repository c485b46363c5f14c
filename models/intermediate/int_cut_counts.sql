-- The number of rows that each cut of each version is the first to remove; the row without a cut counts the kept ones.
{% set names = built_versions() -%}
with judged as (
    {%- for name in names %}
    select '{{ name }}' as version, first_cut, first_verdict, n_failed
    from {{ ref('int_judged_' ~ name) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

counts as (
    select
        version,
        first_cut,
        count(*) as removed,
        count(case when first_verdict = 'null' then 1 end) as nulls,
        count(case when n_failed = 1 then 1 end) as only_this
    from judged
    group by version, first_cut
)

select * from counts
