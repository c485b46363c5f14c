{#- For each cut and filter, the landed files to which it cannot be applied: {'edge': {'g': [2, 3]}}.
    '*' is used for a cut without filters; 'all' is the total number of files. -#}
{%- macro unjudged_landings() -%}
{%- set states = source_now('plan', 'cut_states') -%}
{%- set unjudged = {} -%}
{%- if execute -%}
    {%- set query -%}
        select cut, landing, archive_bands, absent_bands from {{ states }} order by cut, landing
    {%- endset -%}
    {%- for cut, landing, archive_bands, absent_bands in run_query(query).rows -%}
        {%- set entry = unjudged.setdefault(cut, {'all': []}) -%}
        {%- do entry['all'].append(landing | int) -%}
        {%- for band in ((archive_bands or '') ~ ',' ~ (absent_bands or '')).split(',') if band -%}
            {%- do entry.setdefault(band, []).append(landing | int) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endif -%}
{{ return(unjudged) }}
{%- endmacro -%}
