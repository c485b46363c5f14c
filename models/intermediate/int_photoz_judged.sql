-- Each judged prediction held against its redshift.
with computed as (
    select
        photoz_run,
        photoz_row,
        object_id,
        specz_redshift,
        error as redshift_error,
        pit,
        crps,
        cde_loss,
        is_in_68,
        is_in_95,
        case when not has_pdf then 'no PDF' end as score_reason
    from {{ ref('int_photoz_scores') }}
),

as_before as (
    select
        scores.photoz_run,
        scores.photoz_row,
        scores.object_id,
        scores.specz_redshift,
        scores.redshift_error,
        scores.pit,
        scores.crps,
        scores.cde_loss,
        scores.is_in_68,
        scores.is_in_95,
        scores.score_reason
    from {{ ref('stg_plan__known_scores') }} as scores
    inner join {{ ref('int_photoz_known') }} as known on scores.photoz_run = known.photoz_run
    where known.is_known
)

select * from computed
union all
select * from as_before
