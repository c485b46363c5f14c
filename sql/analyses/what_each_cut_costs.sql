-- What does each cut cost in redshift?  For each first cut of the default version: the rows that it removes, and
-- their median redshift and i magnitude, compared with those of the kept rows.
--   galaxiesml sql --file sql/analyses/what_each_cut_costs.sql
select
    coalesce(rejections.first_cut, 'kept') as outcome,
    count(*) as pairs,
    round(median(int_pairs.specz_redshift), 3) as median_redshift,
    round(median(int_pairs.i_cmodel_mag), 2) as median_i_mag
from int_pairs
left join rejections on int_pairs.pair_id = rejections.pair_id and rejections.version = 'v2'
group by outcome
order by pairs desc, outcome
