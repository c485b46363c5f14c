-- Each judged prediction held against its redshift: the point, and the probabilities where there are some.
-- Errors and losses are whole billionths, so that their sums do not depend on the order.
with judged as (
    select judged.*
    from {{ ref('int_photoz_sample') }} as judged
    inner join {{ ref('int_photoz_known') }} as known on judged.photoz_run = known.photoz_run
    where not known.is_known
),

predictions as (
    select * from {{ ref('stg_photoz__predictions') }}
),

cells as (
    select
        predictions.photoz_run,
        predictions.photoz_row,
        {{ list_elements('predictions.pdf', 'photoz_cell', 'units') }}
    from predictions
    inner join judged
        on predictions.photoz_run = judged.photoz_run and predictions.photoz_row = judged.photoz_row
),

grids as (
    select * from {{ ref('int_photoz_grids') }}
),

-- Of a bin: how far a redshift drawn from it is from the true one on average, and the share of it below that.
placed as (
    select
        cells.photoz_run,
        cells.photoz_row,
        cells.units,
        grids.high - grids.low as width,
        case
            when judged.specz_redshift <= grids.low then (grids.low + grids.high) / 2 - judged.specz_redshift
            when judged.specz_redshift >= grids.high then judged.specz_redshift - (grids.low + grids.high) / 2
            else (
                (judged.specz_redshift - grids.low) * (judged.specz_redshift - grids.low)
                + (grids.high - judged.specz_redshift) * (grids.high - judged.specz_redshift)
            ) / (2 * (grids.high - grids.low))
        end as distance,
        case
            when judged.specz_redshift <= grids.low then cast(0 as double)
            when judged.specz_redshift >= grids.high then cast(1 as double)
            else (judged.specz_redshift - grids.low) / (grids.high - grids.low)
        end as below,
        judged.specz_redshift >= grids.low and judged.specz_redshift < grids.high as is_here
    from cells
    inner join judged on cells.photoz_run = judged.photoz_run and cells.photoz_row = judged.photoz_row
    inner join grids on cells.photoz_run = grids.photoz_run and cells.photoz_cell = grids.photoz_cell
    where cells.units > 0
),

of_pdfs as (
    select
        photoz_run,
        photoz_row,
        sum(units) as total,
        sum(units * {{ photoz_nano('distance') }}) as distance_nano,
        sum(units * {{ photoz_nano('below') }}) as below_nano,
        max(case when is_here then units / width end) as density
    from placed
    group by photoz_run, photoz_row
),

differences as (
    select
        judged.*,
        predictions.z_phot,
        predictions.z_phot - judged.specz_redshift as delta,
        (predictions.z_phot - judged.specz_redshift) / (1 + judged.specz_redshift) as error,
        case when predictions.z_phot <> -1 then
            (predictions.z_phot - judged.specz_redshift) / (0.15e0 * (1 + predictions.z_phot))
        end as scaled,
        (predictions.z_phot - judged.specz_redshift) / (0.15e0 * (1 + judged.specz_redshift)) as scaled_spec,
        predictions.pdf is not null as has_pdf,
        judged.specz_redshift between predictions.z_low_68 and predictions.z_high_68 as is_in_68,
        judged.specz_redshift between predictions.z_low_95 and predictions.z_high_95 as is_in_95,
        of_pdfs.distance_nano / cast(of_pdfs.total as double) / 1e9 - predictions.pdf_half_spread as crps,
        of_pdfs.below_nano / cast(of_pdfs.total as double) / 1e9 as pit,
        predictions.pdf_square - 2 * coalesce(of_pdfs.density / of_pdfs.total, 0) as cde_loss
    from judged
    inner join predictions
        on judged.photoz_run = predictions.photoz_run and judged.photoz_row = predictions.photoz_row
    left join of_pdfs on judged.photoz_run = of_pdfs.photoz_run and judged.photoz_row = of_pdfs.photoz_row
)

select
    *,
    {{ photoz_nano('delta') }} as delta_nano,
    {{ photoz_nano('error') }} as error_nano,
    {{ photoz_nano('delta * delta') }} as delta_square_nano,
    {{ photoz_nano('error * error') }} as error_square_nano,
    {{ photoz_nano('coalesce(1 - 1 / (1 + scaled * scaled), 1)') }} as loss_phot_nano,
    {{ photoz_nano('1 - 1 / (1 + scaled_spec * scaled_spec)') }} as loss_spec_nano,
    {{ photoz_nano('crps') }} as crps_nano,
    {{ photoz_nano('cde_loss') }} as cde_nano
from differences
