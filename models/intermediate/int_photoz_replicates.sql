-- The sample of every bin drawn anew 200 times, with Poisson weights from a hash of the galaxy and the replicate, so that
-- two runs are drawn alike.  Replicate 0 is the sample itself.
with numbers as (
    select {{ each_number(0, 201) }} as replicate
),

scores as (
    select * from {{ ref('int_photoz_scores') }}
),

members as (
    select photoz_run, photoz_row, photoz_bin from {{ ref('int_photoz_members') }}
),

hashed as (
    select
        scores.photoz_run,
        scores.photoz_row,
        numbers.replicate,
        md5(concat_ws('',
            cast(coalesce(scores.object_id, scores.photoz_row) as string), ':', cast(numbers.replicate as string)
        )) as hash
    from scores
    cross join numbers
    where numbers.{{ photoz_replicates() }}
),

weighted as (
    select
        photoz_run,
        photoz_row,
        replicate,
        case when replicate = 0 then 1 else {{ poisson_weight('hash') }} end as weight
    from hashed
),

-- A row for each time that a galaxy is drawn.
drawn as (
    select weighted.photoz_run, weighted.photoz_row, weighted.replicate
    from weighted
    inner join (select {{ each_number(1, 8) }} as time) as times on times.time <= weighted.weight
),

binned as (
    select
        members.photoz_bin,
        drawn.replicate,
        scores.delta_nano,
        scores.error_nano,
        scores.delta_square_nano,
        scores.error_square_nano,
        scores.loss_phot_nano,
        scores.loss_spec_nano,
        scores.crps_nano,
        scores.cde_nano,
        scores.is_in_68,
        scores.is_in_95
    from drawn
    inner join scores on drawn.photoz_run = scores.photoz_run and drawn.photoz_row = scores.photoz_row
    inner join members on drawn.photoz_run = members.photoz_run and drawn.photoz_row = members.photoz_row
),

first_pass as (
    select
        photoz_bin,
        replicate,
        count(*) as galaxies,
        sum(error_nano) as error_sum,
        sum(delta_square_nano) as delta_square_sum,
        sum(error_square_nano) as error_square_sum,
        sum(loss_phot_nano) as loss_phot_sum,
        sum(loss_spec_nano) as loss_spec_sum,
        sum(case when abs(error_nano) > 150000000 then 1 else 0 end) as outliers,
        count(crps_nano) as with_pdf,
        sum(crps_nano) as crps_sum,
        sum(cde_nano) as cde_sum,
        count(is_in_68) as with_68,
        sum(case when is_in_68 then 1 else 0 end) as in_68,
        count(is_in_95) as with_95,
        sum(case when is_in_95 then 1 else 0 end) as in_95,
        median(error_nano) as error_median,
        median(delta_nano) as delta_median,
        percentile_cont(0.25) within group (order by error_nano) as error_quarter,
        percentile_cont(0.75) within group (order by error_nano) as error_three_quarters
    from binned
    group by photoz_bin, replicate
),

-- Median absolute deviations, and outliers beyond max(0.06, 3 sigma of the interquartile range).
second_pass as (
    select
        binned.photoz_bin,
        binned.replicate,
        median(abs(binned.error_nano - first_pass.error_median)) as error_mad,
        median(abs(binned.delta_nano - first_pass.delta_median)) as delta_mad,
        sum(
            case when abs(binned.error_nano) > greatest(
                60000000, 3 * (first_pass.error_three_quarters - first_pass.error_quarter) / 1.349e0
            ) then 1 else 0 end
        ) as far_outliers
    from binned
    inner join first_pass
        on binned.photoz_bin = first_pass.photoz_bin and binned.replicate = first_pass.replicate
    group by binned.photoz_bin, binned.replicate
),

both_passes as (
    select first_pass.*, second_pass.error_mad, second_pass.delta_mad, second_pass.far_outliers
    from first_pass
    inner join second_pass
        on first_pass.photoz_bin = second_pass.photoz_bin and first_pass.replicate = second_pass.replicate
),

-- Tukey's biweight: errors in units of 6 (location) and 9 (scale) median absolute deviations, as astropy has it.
scaled as (
    select
        binned.photoz_bin,
        binned.replicate,
        (binned.error_nano - both_passes.error_median) / 1e9 as apart,
        (binned.error_nano - both_passes.error_median) / (6 * both_passes.error_mad) as of_location,
        (binned.error_nano - both_passes.error_median) / (9 * both_passes.error_mad) as of_scale
    from binned
    inner join both_passes
        on binned.photoz_bin = both_passes.photoz_bin and binned.replicate = both_passes.replicate
    where both_passes.error_mad > 0
),

third_pass as (
    select
        photoz_bin,
        replicate,
        sum(case when abs(of_location) < 1 then
            {{ photoz_nano('apart * (1 - of_location * of_location) * (1 - of_location * of_location)') }} end) as pulled,
        sum(case when abs(of_location) < 1 then
            {{ photoz_nano('(1 - of_location * of_location) * (1 - of_location * of_location)') }} end) as pulling,
        sum(case when abs(of_scale) < 1 then
            {{ whole('apart * apart * (damping * damping) * (damping * damping)', '1e12') }} end) as squares,
        sum(case when abs(of_scale) < 1 then
            {{ photoz_nano('damping * (1 - 5 * of_scale * of_scale)') }} end) as damped
    -- Multiplied out: the last bit of a power differs from engine to engine.
    from (select *, 1 - of_scale * of_scale as damping from scaled) as scaled
    group by photoz_bin, replicate
)

select both_passes.*, third_pass.pulled, third_pass.pulling, third_pass.squares, third_pass.damped
from both_passes
left join third_pass
    on both_passes.photoz_bin = third_pass.photoz_bin and both_passes.replicate = third_pass.replicate
