-- The cut flow: rows into and out of every cut of every version.
with steps as (
    select * from {{ ref('int_steps') }}
),

counts as (
    select * from {{ ref('int_cut_counts') }}
),

pairs as (
    select count(*) as total from {{ ref('int_pairs') }}
),

states as (
    select
        cut,
        case when min(state) = max(state) then min(state) else concat_ws('; ', 'differs by file', min(state), max(state)) end as state
    from {{ ref('cut_states') }}
    group by cut
),

removed as (
    select
        steps.*,
        pairs.total,
        coalesce(counts.removed, 0) as removed,
        coalesce(counts.nulls, 0) as nulls,
        coalesce(counts.only_this, 0) as only_this,
        sum(coalesce(counts.removed, 0)) over (partition by steps.version order by steps.step rows between unbounded preceding and current row) as removed_so_far
    from steps
    cross join pairs
    left join counts on steps.version = counts.version and steps.cut = counts.first_cut
),

published as (
    select * from {{ ref('published_counts') }}
)

select
    removed.version,
    removed.step,
    removed.cut,
    removed.cut_group,
    removed.section,
    coalesce(states.state, 'judged') as state,
    cast(removed.total - removed.removed_so_far + removed.removed as bigint) as rows_in,
    cast(removed.total - removed.removed_so_far as bigint) as rows_out,
    cast(removed.removed - removed.nulls as bigint) as fails,
    cast(removed.nulls as bigint) as nulls,
    cast(removed.only_this as bigint) as only_this,
    cast(case when removed.total = published.input_rows then published.published_rows end as bigint) as expected_rows,
    cast(published.published_rows as bigint) as published_rows,
    cast(published.input_rows as bigint) as input_rows,
    removed.why
from removed
left join states on removed.cut = states.cut
left join published on removed.version = published.version and removed.cut = published.cut
