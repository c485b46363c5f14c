-- Every metric of every bin and replicate, in one column.
{% set n = 'cast(galaxies as double)' -%}
{% set metrics = [
    ['paper', 'bias_mean', 'error_sum / ' ~ n ~ ' / 1e9'],
    ['paper', 'scatter', '1.48e0 * delta_mad / 1e9'],
    ['paper', 'outliers', 'outliers / ' ~ n],
    ['paper', 'mse', 'delta_square_sum / ' ~ n ~ ' / 1e9'],
    ['paper', 'rms', 'sqrt(error_square_sum / ' ~ n ~ ' / 1e9)'],
    ['paper', 'loss', 'loss_phot_sum / ' ~ n ~ ' / 1e9'],
    ['code', 'bias_median', 'error_median / 1e9'],
    ['code', 'scatter', 'error_mad / 0.67449e0 / 1e9'],
    ['code', 'outliers', 'outliers / ' ~ n],
    ['code', 'mse', 'delta_square_sum / ' ~ n ~ ' / 1e9'],
    ['code', 'loss', 'loss_spec_sum / ' ~ n ~ ' / 1e9'],
    ['biweight', 'bias_biweight', 'error_median / 1e9 + coalesce(pulled / cast(nullif(pulling, 0) as double), 0)'],
    ['biweight', 'scatter', 'coalesce(sqrt(' ~ n ~ ' * squares * 1e-12) / abs(nullif(damped, 0) / 1e9), 0)'],
    ['challenge', 'bias_median', 'error_median / 1e9'],
    ['challenge', 'scatter', '1.4826e0 * error_mad / 1e9'],
    ['challenge', 'outliers', 'far_outliers / ' ~ n],
    ['pdf', 'crps', 'crps_sum / cast(nullif(with_pdf, 0) as double) / 1e9'],
    ['pdf', 'cde_loss', 'cde_sum / cast(nullif(with_pdf, 0) as double) / 1e9'],
    ['pdf', 'coverage_68', 'in_68 / cast(nullif(with_68, 0) as double)'],
    ['pdf', 'coverage_95', 'in_95 / cast(nullif(with_95, 0) as double)'],
] -%}
with replicates as (
    select * from {{ ref('int_photoz_replicates') }}
)

{% for definition, metric, expression in metrics %}
select photoz_bin, replicate, '{{ definition }}' as definition, '{{ metric }}' as metric, {{ expression }} as value
from replicates
{{ 'union all' if not loop.last }}
{%- endfor %}
