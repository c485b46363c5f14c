-- How are the redshifts distributed in each version?  The abstract of Do et al. 2024 says that they peak at 1.5; in
-- the released files 51.5 % are below 0.5 and 7.1 % above 1.5.
--   galaxiesml sql --file sql/analyses/redshift_distribution.sql
with redshifts as (
    select 'v1' as version, specz_redshift from galaxies_v1
    union all
    select 'v2' as version, specz_redshift from galaxies_v2
    union all
    select 'v4' as version, specz_redshift from galaxies_v4
)

select
    version,
    count(*) as galaxies,
    round(100.0 * count(case when specz_redshift < 0.5 then 1 end) / nullif(count(*), 0), 1) as below_half_percent,
    round(100.0 * count(case when specz_redshift < 1 then 1 end) / nullif(count(*), 0), 1) as below_one_percent,
    round(100.0 * count(case when specz_redshift > 1.5 then 1 end) / nullif(count(*), 0), 1) as above_one_and_a_half_percent,
    round(median(specz_redshift), 3) as median_redshift
from redshifts
group by version
order by version
