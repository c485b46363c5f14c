-- Offenders: steps of the cut flow that lose rows between them, and flows that do not end in the rows of galaxies.
with steps as (
    select
        version,
        step,
        rows_in,
        rows_out,
        fails + nulls as removed,
        lead(rows_in) over (partition by version order by step) as next_in
    from {{ ref('cut_flow') }}
)

select steps.*, versions.rows_kept
from steps
inner join {{ ref('versions') }} as versions on steps.version = versions.version
where steps.rows_in - steps.removed <> steps.rows_out
    or coalesce(steps.next_in, versions.rows_kept) <> steps.rows_out
